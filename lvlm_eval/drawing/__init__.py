"""Draws lettered markers on a photo: ``style`` says how, ``layout`` where, ``paint`` does it."""
