#!/usr/bin/env python3
"""Evidence packages at length: 1,000 random changes are each named; the page in headless Chromium, light and dark, on screen and on A4 and Letter paper:
axe finds nothing serious, nothing is wider than its page, heads of tables are repeated, every page has its number. KT_PAGES=DIR keeps images of the pages."""
from report_package import *

rng = random.Random(SEED)
d = folder()
base = int(time.time()) // DAY * DAY - DAY
db = os.path.join(d, 'k.db')
store(db, lines(rng, base, 2000))
key = os.path.join(d, 'report.key')
public = keytrail('report', 'keygen', key).stdout.decode().strip()
one = make(db, os.path.join(d, 'out'), Period(base), key, '--verify')
m, missed = checker(), []
for i in range(1000):
    what, places, undo = change(rng, one)
    code, named, said = checked(m, one, '--key', public)
    if code != 1 or not places & set(named):
        missed.append((what, code, said))
    undo()
check(not missed, f'each of 1,000 random changes is named (seed {SEED})', missed[:3])
check(checked(m, one, '--key', public)[0] == 7, 'and without them there is none')

npm = 'build/peers/npm/node_modules'
if not os.path.isdir(os.path.join(npm, 'playwright-core')) or not shutil.which('chromium') or not shutil.which('pdftotext'):
    print('# no playwright-core, chromium or pdftotext: pages were not looked at')
    finish()
pages = os.environ.get('KT_PAGES') or os.path.join(d, 'pages')
os.makedirs(pages, exist_ok=True)
p = run('node', 'tests/e2e/look_at_page.js', os.path.abspath(npm), os.path.abspath(f'{one}/report.html'), pages, ok=False)
seen = json.loads(p.stdout or b'{}')
check(p.returncode == 0 and set(seen) == {'light', 'dark', 'phone', 'console'}, 'Chromium shows the page', p.stderr.decode())
for scheme in ('light', 'dark'):
    bad = [v for v in seen[scheme] if v['impact'] in ('serious', 'critical')]
    check(not bad, f'axe finds nothing serious ({scheme})', bad)
check(seen['phone'] <= 390, 'nothing is wider than a phone', seen['phone'])
check(not seen['console'], 'the page breaks no rule of its own policy', seen['console'])
package = json.load(open(f'{one}/manifest.json'))['package']
for paper in ('A4', 'Letter'):
    text = run('pdftotext', '-layout', os.path.join(pages, f'{paper}.pdf'), '-').stdout.decode().split('\f')[:-1]
    n = len(text)
    check(n > 5 and all(f'page {i} of {n}' in t and f'package {package}' in t for i, t in enumerate(text, 1)), f'{paper}: every page has its number and the package', n)
    check('open points' in text[0], f'{paper}: what is open stands on page one', text[0])
    if shutil.which('pdftoppm'):
        run('pdftoppm', '-r', '60', '-png', os.path.join(pages, f'{paper}.pdf'), os.path.join(pages, paper))
finish()
