// Looks at every page in a browser: `node test/look.mjs URL [folder for pictures or -] [keys]`. At three widths and in both colours:
// nothing on the console (so no breach of the policy), nothing wider than the screen, no request to another host; axe finds
// nothing serious. Then the keyboard walks a list, zooms a chart and filters. Exit code 1 when something is found.
import { createRequire } from 'node:module'

const [url = 'http://localhost:4173', folder, only] = process.argv.slice(2)
const peers = createRequire(new URL('../../../build/peers/npm/package.json', import.meta.url))
const { chromium } = peers('playwright-core')
const axe = peers.resolve('axe-core/axe.min.js')
const PATHS = ['/', '/search', '/search?view=timeline', '/search?q=actor:alice@example.com', '/search?q=actr:x', '/alerts', '/map', '/coverage',
  '/reports', '/integrity', '/settings', '/silences', '/actor?value=alice@example.com', '/secret?value=prod/db', '/ip?value=203.0.113.7',
  '/session?value=s-1', '/source?instance=vault-prod', '/blast?value=alice@example.com', '/nowhere']
const found = []
const find = (where, what) => {
  found.push(`${where}: ${what}`)
  console.log(`${where}: ${what}`)
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
for (const colour of only === 'keys' ? [] : ['light', 'dark'])
  for (const width of [1440, 1024, 390]) {
    const context = await browser.newContext({ viewport: { width, height: width < 500 ? 844 : 900 }, colorScheme: colour, hasTouch: width < 500, bypassCSP: false })
    const page = await context.newPage()
    let at = ''
    page.on('console', (m) => {
      const expected = at.includes('actr:x') && m.text().includes('400')
      if ((m.type() === 'error' || m.type() === 'warning') && !expected) find(at, m.text())
    })
    page.on('pageerror', (e) => find(at, `${e.message}`))
    page.on('dialog', (d) => find(at, `a script ran: ${d.message()}`))
    page.on('request', (r) => {
      if (new URL(r.url()).origin !== new URL(url).origin) find(at, `asks another host: ${r.url()}`)
    })
    for (const [i, path] of PATHS.entries()) {
      at = `${path} ${width} ${colour}`
      await page.goto(url + path)
      await page.waitForSelector('h1')
      await page.waitForTimeout(350)
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
      if (wide > 0) find(at, `${wide} pixels wider than the screen`)
      if (width !== 1024) {
        // by the debugger, not as a script of the page: its policy has no exception for tests
        await page.evaluate((await import('node:fs')).readFileSync(axe, 'utf8'))
        const r = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }))
        for (const v of r.violations)
          if (v.impact === 'serious' || v.impact === 'critical') find(at, `axe ${v.id}: ${v.nodes.map((n) => n.target.join(' ')).slice(0, 3).join(' | ')}`)
      }
      if (folder && folder !== '-') await page.screenshot({ path: `${folder}/${String(i).padStart(2, '0')}-${width}-${colour}.png`, fullPage: true })
    }
    await context.close()
  }

const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
const walk = async (what, f) => {
  try {
    await f()
  } catch (e) {
    find(what, e.message.split('\n')[0])
  }
}
const address = () => new URL(page.url())
const must = (yes, what) => {
  if (!yes) throw new Error(what)
}
await page.goto(`${url}/search`)
await page.waitForSelector('tbody tr.opens')
await walk('j, l and f filter', async () => {
  for (let i = 0; i < 3; i++) await page.keyboard.press('j')
  for (let i = 0; i < 2; i++) await page.keyboard.press('l')
  await page.waitForSelector('td.cell-at')
  await page.keyboard.press('f')
  await page.waitForFunction(() => location.search.includes('q='))
  must(/^actor:/.test(address().searchParams.get('q')), `filtered by ${address().search}`)
})
await walk('back undoes it', async () => {
  await page.goBack()
  await page.waitForFunction(() => !location.search.includes('q='))
})
await walk('Enter opens the record, j goes on, Escape closes', async () => {
  await page.waitForSelector('tbody tr.opens')
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  await page.waitForSelector('.drawer dl')
  const first = address().searchParams.get('record')
  await page.keyboard.press('j')
  await page.waitForFunction((x) => new URLSearchParams(location.search).get('record') !== x, first)
  await page.keyboard.press('Escape')
  await page.waitForSelector('.drawer', { state: 'detached' })
})
await walk('a chart is zoomed by keys', async () => {
  await page.focus('.plot')
  for (let i = 0; i < 4; i++) await page.keyboard.press('ArrowRight')
  for (let i = 0; i < 3; i++) await page.keyboard.press('Shift+ArrowRight')
  await page.keyboard.press('Enter')
  await page.waitForFunction(() => location.search.includes('until='))
})
await walk('and by dragging', async () => {
  const before = page.url()
  await page.waitForTimeout(400)
  const b = await page.locator('.u-over').boundingBox()
  await page.mouse.move(b.x + 200, b.y + 20)
  await page.mouse.down()
  await page.mouse.move(b.x + 500, b.y + 30, { steps: 5 })
  await page.mouse.up()
  await page.waitForFunction((x) => location.href !== x, before)
})
await walk('a click on a facet filters in, with Alt out', async () => {
  await page.goto(`${url}/search`)
  await page.click('.facet button >> nth=0')
  await page.waitForFunction(() => location.search.includes('q=outcome'))
  await page.waitForTimeout(400)
  await page.click('.facet button[aria-pressed=true]', { modifiers: ['Alt'] })
  await page.waitForFunction(() => location.search.includes('q=-outcome'))
})
await walk('/ writes a query, completion helps, Enter asks', async () => {
  await page.goto(`${url}/search`)
  await page.waitForSelector('tbody tr.opens')
  await page.keyboard.press('/')
  await page.keyboard.type('outc')
  await page.waitForSelector('[role=option]')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await page.keyboard.type('den')
  await page.waitForSelector('[role=option]:has-text("denied")')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await page.waitForFunction(() => new URLSearchParams(location.search).get('q') === 'outcome:denied')
})
await walk('the list goes on by itself', async () => {
  await page.goto(`${url}/search`)
  await page.waitForSelector('tbody tr.opens')
  const made = await page.locator('tbody tr.opens').count()
  must(made < 120, `${made} rows are made, not only those in sight`)
  await page.evaluate(() => document.querySelector('.table.virtual').scrollTo(0, 1e6))
  await page.waitForFunction(() => Number(document.querySelector('.found table').getAttribute('aria-rowcount')) > 202)
})
await walk('a deep link gives the same page', async () => {
  await page.goto(`${url}/search?q=action%3Aread&since=7d&columns=time,actor,country&view=`)
  await page.waitForSelector('tbody tr.opens')
  must((await page.locator('thead th').count()) === 4, 'columns of the address')
  must((await page.inputValue('.query input')) === 'action:read', 'query of the address')
  must((await page.locator('.window [aria-pressed=true]').first().textContent()) === '7 d', 'window of the address')
})
await walk('? says the keys', async () => {
  await page.keyboard.press('?')
  await page.waitForSelector('dialog .keys')
  await page.keyboard.press('Escape')
  await page.waitForSelector('dialog', { state: 'detached' })
})
await walk('a menu opens and closes by keys', async () => {
  await page.focus('.dots')
  await page.keyboard.press('Enter')
  await page.waitForSelector('.menu:popover-open')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Escape')
  await page.waitForFunction(() => !document.querySelector('.menu:popover-open'))
})
await browser.close()
console.log(found.length === 0 ? 'nothing found' : `${found.length} found`)
process.exit(found.length === 0 ? 0 : 1)
