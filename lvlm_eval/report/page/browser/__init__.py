"""The section of the page that shows single questions: photos, prompt, and every answer."""

from lvlm_eval.report.page.browser.making import Browser, BrowserChoices

__all__ = ["Browser", "BrowserChoices"]
