#!/usr/bin/env python3
"""Evidence packages at length: 1,000 random changes are each named; a log that was rewritten is found in each way; the page in headless Chromium, light and dark, on screen and on A4 and Letter paper:
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
m = checker()
change_at_random(rng, m, one, public, 1000)
check(checked(m, one, '--key', public)[0] == 7, 'and without them there is none')

# ---- a log that was rewritten, in each way ----
records = lines(rng, base, 240)
kept_id = store(os.path.join(d, 'kept.db'), records)
head = json.loads(keytrail('verify', '--db', os.path.join(d, 'kept.db'), '-o', 'json').stdout)
signer, outside = Signer(d, kept_id), os.path.join(d, 'outside.note')
with open(outside, 'w') as f:
    f.write(signer.note(head['size'], head['root']))
rewrite(Rewritten(m, d, base, Period(base), key, public, records, kept_id, signer, outside), None)

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
