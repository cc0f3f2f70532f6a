'use strict';
// Filters of the gallery, enlarged photos, and the switch between light and dark. Without this script the page shows all
// photos in their small size.
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
    const least = Number(wanted.get('sure') || 0);
    let shown = 0;
    for (const card of cards) {
      const { result = '', kinds = '', confused = '', length = '', sure, text: own } = card.dataset;
      const fits = (!wanted.get('result') || result === wanted.get('result')) && has(kinds, wanted.get('kind')) && has(confused, wanted.get('confused'))
        && has(length, wanted.get('length')) && Number(sure) >= least && own.toLowerCase().includes(text);
      card.hidden = !fits;
      shown += fits;
    }
    if (form.elements.least) form.elements.least.value = `${least} %`;
    document.getElementById('shown').textContent = `${shown} of ${cards.length} shown`;
    document.getElementById('none').hidden = shown > 0;
  };
  form.addEventListener('input', apply);
  const reset = () => { form.reset(); apply(); };
  document.getElementById('all').addEventListener('click', reset);
  form.addEventListener('submit', (event) => event.preventDefault());
  document.addEventListener('keydown', (event) => {
    if (document.getElementById('large')?.open) return;
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
      form.elements.result.value = '';
      form.elements.confused.value = button.dataset.confused;
      apply();
      document.getElementById('gallery').scrollIntoView();
      form.elements.confused.focus({ preventScroll: true });
    });
  }
  form.hidden = false;
  apply();
}

const large = document.getElementById('large');
if (large) {
  let index = 0;
  const part = (name) => document.getElementById(`large-${name}`);
  const visible = () => [...document.querySelectorAll('#cards > li')].filter((card) => !card.hidden && card.querySelector('.pair'));
  const show = (at) => {
    const cards = visible();
    index = Math.max(0, Math.min(at, cards.length - 1));
    const pair = cards[index].querySelector('.pair').cloneNode(true);
    for (const element of pair.querySelectorAll('[id]')) element.removeAttribute('id');
    part('body').replaceChildren(pair);
    part('title').textContent = cards[index].querySelector('h3').innerText.replace(/\s+/g, ' ');
    part('name').textContent = `${cards[index].querySelector('bdi').textContent}, ${index + 1} of ${cards.length}`;
    part('back').disabled = index === 0;
    part('on').disabled = index === cards.length - 1;
  };
  for (const card of document.querySelectorAll('#cards > li')) {
    const pair = card.querySelector('.pair');
    if (!pair) continue;
    const open = () => { show(visible().indexOf(card)); large.showModal(); };
    const button = card.querySelector('.enlarge');
    button.hidden = false;
    button.addEventListener('click', open);
    pair.addEventListener('click', () => { button.focus(); open(); });
  }
  document.getElementById('cards')?.classList.add('can-enlarge');
  part('close').addEventListener('click', () => large.close());
  part('back').addEventListener('click', () => show(index - 1));
  part('on').addEventListener('click', () => show(index + 1));
  large.addEventListener('click', (event) => { if (event.target === large) large.close(); });
  large.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowLeft') show(index - 1);
    if (event.key === 'ArrowRight') show(index + 1);
  });
}
