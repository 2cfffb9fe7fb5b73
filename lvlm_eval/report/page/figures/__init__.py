"""Figures of the report: what they show, and how that is drawn for the page and for paper.

Matplotlib draws every figure, as inline SVG on the page and as SVG or PNG in files. So the page
needs no JavaScript for drawing (0 kB), can be printed, is there without a network or a server in
ten years, and shows the same figures as a paper, since both come from one definition. Texts stay
texts (``svg.fonttype`` is ``none``), set in the reader's own system font. Each series is a group
with the id of its row, so that the page's small script shows and hides it by that id alone.
"""
