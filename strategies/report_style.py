"""How the report looks: on paper and on screens, wide and narrow, light and dark.

Text has a contrast of 4.5 to 1 at least on its ground, and what is won or lost has a sign beside its colour.
"""

STYLE = """
:root{color-scheme:light dark;--ground:#fff;--raised:#f5f6f8;--text:#1b1d21;--quiet:#5a6068;--rule:#d5d8dd;
--own:#1257c4;--hold:#8a5a00;--price:#5a6068;--gain:#0b7034;--loss:#b3261e;--s0:#1257c4;--s1:#7a3bb0;
--s2:#0a6b66;--won:11,112,52;--lost:179,38,30}
@media (prefers-color-scheme:dark){:root{--ground:#15171a;--raised:#1f2226;--text:#e7e9ec;--quiet:#a5abb3;
--rule:#3a3f46;--own:#79b4ff;--hold:#e3b357;--price:#a5abb3;--gain:#66d492;--loss:#ff8f86;--s0:#79b4ff;
--s1:#cda2f5;--s2:#63d1c9;--won:102,212,146;--lost:255,143,134}}
*{box-sizing:border-box}
body{font:15px/1.5 system-ui,sans-serif;max-width:1040px;margin:0 auto;padding:1.5rem 1rem 4rem;
color:var(--text);background:var(--ground);overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.2;margin:0 0 .3rem}h2{font-size:1.15rem;margin:2.4rem 0 .6rem;
padding-top:.9rem;border-top:1px solid var(--rule)}h3{font-size:.95rem;margin:.2rem 0}
p{margin:.4rem 0;max-width:46rem}.quiet,figcaption{color:var(--quiet)}
.wide{overflow-x:auto;margin:.6rem 0}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;overflow-wrap:normal}
th,td{padding:.2rem .75rem;text-align:right;border-bottom:1px solid var(--rule);white-space:nowrap}
th{font-weight:600}thead th{color:var(--quiet);font-weight:500}tbody th{font-weight:400}
th:first-child{text-align:left;padding-left:0;position:sticky;left:0;background:var(--ground)}td.left{text-align:left}
.files td,.settings td{white-space:normal;overflow-wrap:anywhere}
.files td{font:12px/1.4 ui-monospace,monospace;min-width:9rem}
.files th,.settings th{white-space:normal;overflow-wrap:anywhere}
.gain,td.gain,dd.gain{color:var(--gain)}.loss,td.loss,dd.loss{color:var(--loss)}
.g1{background:rgba(var(--won),.08)}.g2{background:rgba(var(--won),.17)}.g3{background:rgba(var(--won),.27)}
.g4{background:rgba(var(--won),.38)}.l1{background:rgba(var(--lost),.08)}.l2{background:rgba(var(--lost),.17)}
.l3{background:rgba(var(--lost),.27)}.l4{background:rgba(var(--lost),.38)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.6rem;margin:1rem 0}
.card{background:var(--raised);border-radius:.5rem;padding:.6rem .8rem}.card dt{color:var(--quiet);
font-size:.85rem}.card dd{margin:0;font-size:.85rem;color:var(--quiet)}.card dt+dd{font-size:1.35rem;
font-weight:600;color:var(--text)}.card dt+dd.gain{color:var(--gain)}.card dt+dd.loss{color:var(--loss)}
.settings{display:grid;grid-template-columns:repeat(auto-fill,minmax(17rem,1fr));gap:0 2rem}
.settings table{width:100%}td.changed{font-weight:700}
td.wrap{white-space:normal}.months{font-size:.87rem}.months th,.months td{padding:.2rem .4rem}
.months th:first-child{padding-left:0}
.beside{display:flex;flex-wrap:wrap;gap:0 4rem;align-items:flex-start}
figure{margin:1.1rem 0}
figcaption{margin-bottom:.45rem;display:flex;flex-wrap:wrap;gap:0 1.1rem;font-size:.9rem}
figcaption strong{color:var(--text);font-weight:600}
.key::before{content:"";display:inline-block;width:.9em;height:.25em;margin-right:.35em;vertical-align:middle;
background:currentColor;border-radius:1px}.key.buy::before,.key.sell::before{width:auto;height:auto;
background:none;vertical-align:baseline}.key.buy::before{content:"\\25B2"}.key.sell::before{content:"\\25BC"}
.chart{display:grid;grid-template-columns:auto 1fr;font-size:11px;color:var(--quiet);
font-variant-numeric:tabular-nums}
.ys{position:relative;padding-right:.5em;text-align:right}
.ys i{visibility:hidden;font-style:normal;display:block;height:0}
.ys span{position:absolute;right:.5em;transform:translateY(-50%)}
.plot{position:relative}.plot svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible}
.plot svg svg{position:static;width:1px;height:1px}
.xs{grid-column:2;position:relative;height:1.6em}.xs span{position:absolute;transform:translateX(-50%);
white-space:nowrap;padding-top:.2em}.xs span:first-child{transform:none}
.xs span:last-child{transform:translateX(-100%)}
.plot polyline{fill:none;stroke:currentColor;stroke-width:1.4;vector-effect:non-scaling-stroke;
stroke-linejoin:round}.plot polygon.area{fill:currentColor;opacity:.16}
.plot .grid{stroke:var(--rule);stroke-width:1;vector-effect:non-scaling-stroke}
.plot line.gain,.plot line.loss{stroke:currentColor;stroke-width:1.6}.plot line.loss{stroke-dasharray:4 3}
.plot svg svg polygon{fill:currentColor;stroke:var(--ground);stroke-width:.6}
.own{color:var(--own)}.hold{color:var(--hold)}.price{color:var(--price)}.s0{color:var(--s0)}.s1{color:var(--s1)}
.s2{color:var(--s2)}.buy{color:var(--own)}.sell{color:var(--hold)}
.bar{display:flex;height:1.1rem;border-radius:.3rem;overflow:hidden;margin:.5rem 0;max-width:46rem;
background:var(--raised)}.bar span{display:block;background:currentColor}
@media (max-width:620px){.xs span:nth-child(even){display:none}th,td{padding:.2rem .5rem}
body{padding:1rem .75rem 3rem;font-size:14px}.settings{grid-template-columns:1fr}}
@media print{section,figure{break-inside:avoid}}
"""
