"""The look of the HTML report. Colours are the variables that the page sets for light and for dark."""

STYLE = """
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1160px;margin:0 auto;padding:24px 20px 60px}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:36px 0 10px;padding-top:10px;border-top:1px solid var(--grid)}
.legend{color:var(--dim);font-size:.88rem;margin:4px 0 12px;overflow-wrap:anywhere}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem}
caption{text-align:left;font-weight:600;padding:0 0 6px}
th,td{padding:5px 12px 5px 0;text-align:right;vertical-align:top;white-space:nowrap}
th{font-weight:500}
thead th{color:var(--dim);border-bottom:1px solid var(--dim)}
th[scope=row],thead th:first-child{text-align:left;white-space:normal;min-width:11em;max-width:28em}
th[scope=row]{overflow-wrap:anywhere}
th[scope=colgroup]{text-align:center}
tbody tr{border-bottom:1px solid var(--grid)}
tr.rule{border-top:2px solid var(--dim)}
strong{font-weight:700}
td u{text-underline-offset:3px}
small{display:block;color:var(--dim);font-size:.78rem}
sup{color:var(--dim);line-height:0}
.notes{color:var(--dim);font-size:.85rem;padding-left:1.4em;overflow-wrap:anywhere}
figure{margin:0 0 28px}
svg{max-width:100%;height:auto}
details{border-bottom:1px solid var(--grid);padding:6px 0}
summary{cursor:pointer;overflow-wrap:anywhere}
code{color:var(--dim);font-size:.85em}
dl{display:grid;grid-template-columns:7em 1fr;gap:2px 12px;margin:8px 0;font-size:.88rem}
dt{color:var(--dim)}
dd{margin:0;overflow-wrap:anywhere}
@media print{details:not([open])>*{display:block}main{max-width:none;padding:0}figure{break-inside:avoid}}
""".strip()
