// Shows a report in headless Chromium: node look_at_page.js NODE_MODULES PAGE OUT. Images and PDFs go to OUT; what axe says, as JSON, to stdout.
const path = require('path'), fs = require('fs');
const [modules, page, out] = process.argv.slice(2);
const { chromium } = require(path.join(modules, 'playwright-core'));
const axe = fs.readFileSync(path.join(modules, 'axe-core', 'axe.min.js'), 'utf8');

(async () => {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  const seen = { console: [] };
  const open = async options => {
    const p = await (await browser.newContext(options)).newPage();
    p.on('console', m => seen.console.push(m.text()));
    await p.goto('file://' + page);
    return p;
  };
  for (const colorScheme of ['light', 'dark']) {
    const p = await open({ colorScheme, viewport: { width: 1200, height: 1500 }, bypassCSP: true });
    await p.screenshot({ path: path.join(out, `${colorScheme}.png`) });
    await p.evaluate(axe);
    const found = await p.evaluate(() => axe.run());
    seen[colorScheme] = found.violations.map(v => ({ impact: v.impact, id: v.id, first: v.nodes[0].html.slice(0, 200) }));
  }
  const paper = await open({});
  for (const format of ['A4', 'Letter']) await paper.pdf({ path: path.join(out, `${format}.pdf`), format, printBackground: true });
  const phone = await open({ viewport: { width: 390, height: 844 } });
  seen.phone = await phone.evaluate(() => document.documentElement.scrollWidth);
  await browser.close();
  console.log(JSON.stringify(seen));
})();
