// The pictures of README.md and docs/: node page_pictures.js FOLDER LINK-OF-A-RESPONDER, over a running demo whose three incidents are there (make pictures).
const { chromium } = require('playwright-core')
const [folder, link] = process.argv.slice(2)
const origin = new URL(link).origin
const PICTURES = [
  ['overview', '/', { width: 1440, height: 900 }, 'light'],
  ['alert', null, { width: 1440, height: 900 }, 'light'],
  ['search', '/search?since=7d&q=action%3Aread', { width: 1024, height: 768 }, 'dark'],
  ['alert-phone', null, { width: 390, height: 844 }, 'light'],
]
async function main() {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(link)
  await page.waitForSelector('nav a')
  const alerts = await page.evaluate(async () => (await (await fetch('/api/v1/alerts?status=all')).json()).alerts)
  const alert = alerts.find((a) => a.title.startsWith('marc@')) ?? alerts[0]
  for (const [name, path, viewport, colorScheme] of PICTURES) {
    await page.setViewportSize(viewport)
    await page.emulateMedia({ colorScheme })
    await page.goto(origin + (path ?? `/alert?id=${alert.id}`))
    await page.waitForSelector('h1')
    await page.waitForTimeout(2500)
    await page.screenshot({ path: `${folder}/${name}.png` })
    console.log(`${name}.png`)
  }
  await browser.close()
}
main().catch((e) => {
  console.error(e.message)
  process.exit(1)
})
