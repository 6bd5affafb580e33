"Draw the picture of the review page that README.md shows: `python tools/picture.py`. It needs chromium and chromium-driver."
# The reports are made up. A picture differs from machine to machine by its fonts, so no test compares it; make it anew when the page looks different.
from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "nbs" / "images" / "review.png"
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from browsers import chromium, until  # noqa: E402

from cancer_staging import Stager  # noqa: E402
from cancer_staging.review.page import review_page  # noqa: E402

REPORTS = {
    "S26-1042": """SURGICAL PATHOLOGY REPORT

SPECIMEN: Urinary bladder and prostate, radical cystoprostatectomy.

GROSS: The bladder shows an ulcerated, firm mass of the left lateral wall, 4.2 x 3.5 x 2.0 cm.

MICROSCOPIC: Sections show an invasive urothelial carcinoma with extensive necrosis. The tumor extends through the muscularis propria into the perivesical fat. Lymphovascular invasion is present. No perineural invasion is seen. The ureteral and urethral margins are free of tumor.

Pelvic lymph nodes, right: nine nodes, none with tumor (0/9).
Pelvic lymph nodes, left: two of eleven nodes with metastatic carcinoma (2/11).

DIAGNOSIS: High grade invasive urothelial carcinoma.""",
    "S26-1043": "Left breast, mastectomy: invasive ductal carcinoma, Nottingham grade 2, 24 mm. Two of fourteen lymph nodes are positive. ER positive (95%), PR positive (60%), HER2 negative (1+). Margins are free. pT2 pN1a.",
    "S26-1044": "Sigmoid colon, resection: moderately differentiated adenocarcinoma, pT3 pN0 (2/17). No lymphovascular invasion.",
    "S26-1045": "Right upper lobe, lobectomy: squamous cell carcinoma, 4.2 cm, invading the visceral pleura. Bronchial margin negative. pT2b pN0 (0/12).",
    "S26-1046": "Colon, polypectomy: tubular adenoma. No high grade dysplasia.",
    "S26-1047": "Right kidney, radical nephrectomy: clear cell renal cell carcinoma, nucleolar grade 3, 7.8 cm, confined to the kidney. Margins are free of tumor.",
    "S26-1048": "Stomach, distal gastrectomy: poorly differentiated adenocarcinoma infiltrating the subserosal tissue. Three of twenty-two lymph nodes contain metastases.",
}


def draw() -> None:
    "Writes the picture."
    import polars as pl

    staged = Stager.from_pretrained().stage_frame(pl.DataFrame({"report_id": list(REPORTS), "text": list(REPORTS.values())}))
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "review.html"
        page.write_text(review_page(staged, list(REPORTS.values()), "Review of November"), encoding="utf-8")
        browser = chromium(Path(folder) / "profile")
        try:
            browser.set_window_size(1360, 900)
            browser.get(page.as_uri())
            item = until(browser, lambda: next((one for one in browser.find_elements("css selector", ".item") if "S26-1042" in one.text), None))
            item.click()
            value = until(browser, lambda: next((one for one in browser.find_elements("css selector", ".value-head") if one.text.split("\n")[:2][-1:] and "T" in one.text.split("\n")), None))
            value.click()
            until(browser, lambda: browser.execute_async_script("setTimeout(() => arguments[0](true), 1500)"))
            PICTURE.parent.mkdir(exist_ok=True)
            browser.save_screenshot(str(PICTURE))
        finally:
            browser.quit()


if __name__ == "__main__":
    draw()
