"""Recipes: every setting of every trained thing, and what runs them."""
