"""Digits in photos, as an MMDetection project.

Importing this package is light. `custom.register` is the index of what MMDetection's registries gain.
"""
