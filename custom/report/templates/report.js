'use strict';
// Filters of the gallery, and the switch between light and dark. Without this script the page shows all photos.
const root = document.documentElement;
const theme = document.getElementById('theme');
const dark = () => (root.dataset.theme || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';
const nameTheme = () => { theme.textContent = dark() ? 'Light' : 'Dark'; };
theme.addEventListener('click', () => { root.dataset.theme = dark() ? 'light' : 'dark'; nameTheme(); });
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', nameTheme);
nameTheme();
theme.hidden = false;

const form = document.getElementById('filters');
if (form) {
  const cards = [...document.querySelectorAll('#cards > li')];
  const has = (words, word) => !word || words.split(' ').includes(word);
  const apply = () => {
    const wanted = new FormData(form);
    const text = wanted.get('text').trim().toLowerCase();
    const least = Number(wanted.get('sure'));
    let shown = 0;
    for (const card of cards) {
      const { kinds = '', confused = '', length = '', sure, text: own } = card.dataset;
      const fits = has(kinds, wanted.get('kind')) && has(confused, wanted.get('confused'))
        && has(length, wanted.get('length')) && Number(sure) >= least && own.toLowerCase().includes(text);
      card.hidden = !fits;
      shown += fits;
    }
    form.elements.least.value = `${least} %`;
    document.getElementById('shown').textContent = `${shown} of ${cards.length} shown`;
    document.getElementById('none').hidden = shown > 0;
  };
  form.addEventListener('input', apply);
  const reset = () => { form.reset(); apply(); };
  document.getElementById('all').addEventListener('click', reset);
  form.addEventListener('submit', (event) => event.preventDefault());
  document.addEventListener('keydown', (event) => {
    const typing = event.target.matches('input[type=search], select');
    if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      form.elements.text.focus();
    } else if (event.key === 'Escape' && form.contains(event.target)) {
      reset();
    }
  });
  for (const button of document.querySelectorAll('button[data-confused]')) {
    button.disabled = ![...form.elements.confused.options].some((option) => option.value === button.dataset.confused);
    button.addEventListener('click', () => {
      form.reset();
      form.elements.confused.value = button.dataset.confused;
      apply();
      document.getElementById('gallery').scrollIntoView();
      form.elements.confused.focus({ preventScroll: true });
    });
  }
  form.hidden = false;
  apply();
}
