// The walk of page_test.py through the page: node page_walk.js FOLDER LINK-OF-A-RESPONDER LINK-OF-A-VIEWER LINK-OF-AN-AUDITOR.
// Prints "ok WHAT" or "not ok WHAT" a line; leaves done.json and the downloads in the folder.
const fs = require('fs')
const { chromium } = require('playwright-core')
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
const [folder, responder, viewer, auditor] = process.argv.slice(2)
const origin = new URL(responder).origin
const done = {}
const found = []
const say = (yes, what, why = '') => console.log(`${yes ? 'ok' : 'not ok'} ${what}${yes || !why ? '' : `: ${String(why).slice(0, 700)}`}`)

async function step(what, f) {
  try {
    await f()
    say(true, what)
  } catch (e) {
    say(false, what, e.message)
  }
}
function must(yes, why) {
  if (!yes) throw new Error(why)
}

async function open(browser, link, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, acceptDownloads: true, permissions: ['clipboard-read', 'clipboard-write'], ...options })
  const page = await context.newPage()
  page.on('console', (m) => {
    const text = m.text()
    if ((m.type() === 'error' || m.type() === 'warning') && !/status of (400|401|403|404)/.test(text)) found.push(`${page.url()}: ${text}`)
  })
  page.on('pageerror', (e) => found.push(`${page.url()}: ${e.message}`))
  page.on('dialog', (x) => {
    found.push(`a script ran: ${x.message()}`)
    void x.dismiss()
  })
  page.on('request', (r) => {
    if (!r.url().startsWith(origin) && !r.url().startsWith('data:') && !r.url().startsWith('blob:')) found.push(`asks another host: ${r.url()}`)
  })
  await page.goto(link)
  await page.waitForSelector('nav a')
  return page
}
const go = async (page, path, what = 'h1') => {
  await page.goto(origin + path)
  await page.waitForSelector(what)
  await page.waitForFunction(() => !document.querySelector('.spin'), null, { timeout: 15000 }).catch(() => {
    throw new Error(`${path}: it still loads after 15 s`)
  })
}

async function every(page, colour) {
  const PATHS = ['/', '/search?since=7d', '/search?since=1h&view=timeline', '/alerts', `/alert?id=${done.acked}`, '/map', '/coverage', '/integrity', '/settings', '/silences', '/reports',
    `/actor?value=${encodeURIComponent(done.actor)}`, `/secret?value=${encodeURIComponent(done.secret)}`, '/ip?value=203.0.113.9', '/source?instance=vault-prod', `/blast?value=${encodeURIComponent(done.actor)}`]
  const PHONE = ['/', '/search?since=7d', '/alerts', `/alert?id=${done.acked}`] // what is looked at on one; axe takes its time
  const bad = []
  for (const path of PATHS) {
    try {
      await go(page, path)
    } catch (e) {
      bad.push(e.message)
      continue
    }
    await page.waitForTimeout(250)
    const failure = await page.locator('.failure').count()
    if (failure > 0 && path !== '/reports') bad.push(`${path}: ${await page.locator('.failure').first().innerText()}`)
    const judged = page.viewportSize().width >= 500 || PHONE.includes(path)
    if (judged) await page.evaluate(axe)
    const r = !judged ? { violations: [] } : await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }))
    for (const v of r.violations) if (v.impact !== 'minor') bad.push(`${path} axe ${v.id}: ${v.nodes.map((n) => n.target.join(' ')).slice(0, 2).join(' | ')}`)
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    if (wide > 0) bad.push(`${path}: ${wide} pixels wider than the screen`)
  }
  say(bad.length === 0, `every page in ${colour}, ${page.viewportSize().width} wide: shown, and axe finds nothing that is more than minor`, bad.join('; '))
}

async function main() {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
  const page = await open(browser, responder)
  await step('a link logs in once, and its token is gone from the address', async () => {
    must(!page.url().includes('token'), page.url())
    const other = await (await browser.newContext()).newPage()
    await other.goto(responder)
    await other.waitForSelector('form', { timeout: 5000 })
    must((await other.locator('nav a').count()) === 0, 'the link worked twice')
    await other.context().close()
  })
  await step('Overview has its numbers, alerts and the map', async () => {
    await go(page, '/', '.numbers')
    must((await page.locator('.number').count()) === 6, 'not six numbers')
    must((await page.locator('svg circle').count()) > 0, 'no circle on the map')
  })
  await step('an alert is acknowledged', async () => {
    await go(page, '/alerts', 'tbody tr')
    await page.click('tbody tr:nth-child(2) a')
    await page.waitForSelector('.alert-title')
    done.acked = new URL(page.url()).searchParams.get('id')
    done.actor = await page.locator('.facts dd .value a').first().innerText()
    await page.click('text=Acknowledge')
    await page.waitForSelector('.status-acknowledged')
    must((await page.locator('.steps li').count()) > 0, 'nothing in what people did')
  })
  await step('noted, closed with a verdict', async () => {
    await page.click('text=Note…')
    await page.fill('textarea', 'seen on the page')
    await page.click('.ask-end .main-button')
    await page.waitForSelector('.steps:has-text("seen on the page")')
    await page.click('text=Close…')
    await page.check('input[value=expected]')
    await page.click('.ask-end .main-button')
    await page.waitForSelector('.status-closed')
  })
  await step('silenced', async () => {
    await go(page, '/silences')
    await page.click('text=New silence…')
    await page.fill('.ask input', 'detector:volume_spike actor:nobody')
    await page.fill('textarea', 'a drill of the page')
    await page.click('.ask-end .main-button')
    await page.waitForSelector('tbody tr:has-text("a drill of the page")')
  })
  await step('a query with a fault says where', async () => {
    await go(page, '/search?q=actr%3Ax')
    await page.waitForSelector('.query-wrong')
  })
  await step('facets filter, the address holds it, a reload shows the same', async () => {
    const until = new Date(Date.now() - 86400e3).toISOString() // what lives changes nothing of it
    await go(page, `/search?since=7d&until=${until}`, 'tbody tr')
    await page.click('.facet button >> nth=0')
    await page.waitForFunction(() => location.search.includes('q='))
    await page.waitForTimeout(1500)
    const first = () => page.locator('.found tbody tr').first().innerText()
    const before = await first()
    await page.reload()
    await page.waitForSelector('.found tbody tr')
    must((await first()) === before, `first row ${before}, after a reload ${await first()}`)
  })
  await step('a record opens with its line', async () => {
    await go(page, '/search?since=7d&q=action%3Aread', 'tbody tr')
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await page.waitForSelector('.drawer pre')
    done.secret = await page.evaluate(() => [...document.querySelectorAll('.drawer a')].map((a) => new URL(a.href)).find((u) => u.pathname === '/secret')?.searchParams.get('value') ?? '')
    must(done.secret !== '', 'no link to the secret')
  })
  await step('a chart is zoomed by dragging', async () => {
    await go(page, '/search?since=7d', '.u-over')
    const b = await page.locator('.u-over').boundingBox()
    await page.mouse.move(b.x + 200, b.y + 20)
    await page.mouse.down()
    await page.mouse.move(b.x + 500, b.y + 30, { steps: 5 })
    await page.mouse.up()
    await page.waitForFunction(() => location.search.includes('until='))
  })
  await step('CSV and NDJSON are taken away', async () => {
    done.until = new Date(Math.floor(Date.now() / 1000) * 1000 - 2000).toISOString()
    done.since = new Date(Date.parse(done.until) - 60 * 86400e3).toISOString()
    await go(page, `/search?${new URLSearchParams({ q: 'action:login outcome:denied', since: done.since, until: done.until })}`, '.found')
    for (const form of ['csv', 'ndjson']) {
      const [download] = await Promise.all([page.waitForEvent('download'), page.click(`a[download]:has-text("${form.toUpperCase()}")`)])
      await download.saveAs(`${folder}/export.${form}`)
    }
  })
  await step('hostile names are text everywhere', async () => {
    const rows = (await (await page.request.get(`${origin}/api/v1/search?since=1h&limit=200&q=ip%3A203.0.113.9`)).json()).rows
    const some = (field) => [...new Set(rows.map((x) => x[field]).filter((x) => x && x.length < 4000))].filter((x) => /[<:\u202e'$]/.test(x)).map((x) => [x.replace(/[0-9]/g, ''), x])
    const names = (field) => [...new Map(some(field)).values()].slice(0, 8) // one of each kind
    const own = [...names('actor').map((x) => `/actor?value=${encodeURIComponent(x)}`), ...names('secret').slice(0, 3).map((x) => `/secret?value=${encodeURIComponent(x)}`)]
    must(own.length >= 8, `only ${own.length} hostile names have a page`)
    must(rows.some((x) => (x.actor ?? '').length > 50000), 'the long name is not among them')
    done.commands = []
    for (const path of [...own, '/search?since=1h', '/search?since=1h&view=timeline', '/', '/ip?value=203.0.113.9', '/map?since=1h', '/source?instance=vault-prod']) {
      await go(page, path)
      await page.waitForTimeout(300)
      const r = await page.evaluate(() => ({ ran: window.pwned !== undefined, img: document.querySelectorAll('img').length, bold: [...document.querySelectorAll('b')].some((b) => b.textContent === 'bold'), bad: [...document.querySelectorAll('a')].some((a) => a.href.startsWith('javascript:')), scripts: document.querySelectorAll('script').length }))
      must(!r.ran && r.img === 0 && !r.bold && !r.bad && r.scripts === 1, `${path}: ${JSON.stringify(r)}`)
      if (!path.startsWith('/actor')) continue
      await page.click('.command:has-text("keytrail blast") button')
      done.commands.push({ value: new URL(page.url()).searchParams.get('value'), command: await page.evaluate(() => navigator.clipboard.readText()) })
    }
    await go(page, '/search?since=1h', 'tbody tr')
    must((await page.locator('main').innerText()).includes('\\u{202e}'), 'a turned direction is not written out')
  })
  await every(page, 'light')
  await page.emulateMedia({ colorScheme: 'dark' })
  await every(page, 'dark')
  await page.setViewportSize({ width: 390, height: 844 })
  await every(page, 'light')
  await step('the states of alerts stand within 320 pixels (WCAG 1.4.10)', async () => {
    await page.setViewportSize({ width: 320, height: 640 })
    const states = '[aria-label="Status"]'
    await go(page, '/alerts', states)
    const right = await page.$eval(states, (e) => e.getBoundingClientRect().right)
    must(right <= 320, `they end at ${right}`)
  })
  await step('keys: ? lists them', async () => {
    await page.setViewportSize({ width: 1440, height: 900 })
    await go(page, '/alerts', 'tbody tr, .state')
    await page.keyboard.press('?')
    await page.waitForSelector('dialog kbd')
    await page.keyboard.press('Escape')
  })
  await step('logged out, nothing is shown', async () => {
    await page.click('.person > button')
    await page.click('text=Log out')
    await page.waitForSelector('form')
    await page.goto(`${origin}/search`)
    await page.waitForSelector('form')
  })

  const looks = await open(browser, viewer)
  await step('a viewer sees why there is no button', async () => {
    await go(looks, `/alert?id=${done.acked}`, '.alert-title')
    must((await looks.locator('.actions').count()) === 0, 'buttons for a viewer')
    must((await looks.locator('main').innerText()).includes('need the role responder'), 'not told why')
    const s = await looks.evaluate(async (id) => (await fetch('/api/v1/alerts/act', { method: 'POST', headers: { 'content-type': 'application/json', 'x-csrf-token': (await (await fetch('/api/v1/me')).json()).csrf }, body: JSON.stringify({ do: 'ack', ids: [id] }) })).status, done.acked)
    must(s === 403, `the server answered ${s}`)
    must((await looks.locator('nav a:has-text("Reports")').count()) === 0, 'Reports for a viewer')
  })
  const checks = await open(browser, auditor)
  await step('an auditor has Reports, and acknowledges nothing', async () => {
    must((await checks.locator('nav a:has-text("Reports")').count()) === 1, 'no Reports')
    await go(checks, '/reports')
    const s = await checks.evaluate(async () => (await fetch('/api/v1/silences', { method: 'POST', headers: { 'content-type': 'application/json', 'x-csrf-token': (await (await fetch('/api/v1/me')).json()).csrf }, body: '{"match":"a","reason":"b","for":"1h"}' })).status)
    must(s === 403, `the server answered ${s}`)
  })
  say(found.length === 0, 'no error, no breach of the policy, no other host', [...new Set(found)].slice(0, 8).join('; '))
  fs.writeFileSync(`${folder}/done.json`, JSON.stringify(done))
  await browser.close()
}
main().catch((e) => {
  console.log(`not ok the walk itself: ${e.message}`)
  fs.writeFileSync(`${folder}/done.json`, JSON.stringify(done))
  process.exit(1)
})
