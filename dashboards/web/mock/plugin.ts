// The API with invented data, for looking at the page without a server: `npm run dev`, `npm run preview`.
// preview serves the built page under the policy of the real server, so that what it forbids is seen here already.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Plugin } from 'vite'
import { answer, events } from './world.ts'

export const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

function api(req: IncomingMessage, res: ServerResponse, next: () => void): void {
  const url = new URL(req.url ?? '/', 'http://localhost')
  if (!url.pathname.startsWith('/api/v1/')) {
    next()
    return
  }
  const call = url.pathname.slice('/api/v1/'.length)
  if (call === 'live') {
    events(res)
    return
  }
  const parts: Buffer[] = []
  req.on('data', (b: Buffer) => parts.push(b))
  req.on('end', () => {
    const text = Buffer.concat(parts).toString()
    const [status, body] = answer(
      req.method ?? 'GET',
      call,
      url.searchParams,
      text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    )
    res.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
    res.end(JSON.stringify(body))
  })
}

export function mock(): Plugin {
  return {
    name: 'keytrail-mock',
    configureServer: (s) => {
      s.middlewares.use(api)
    },
    configurePreviewServer: (s) => {
      s.middlewares.use((_req, res, next) => {
        res.setHeader('Content-Security-Policy', POLICY)
        next()
      })
      s.middlewares.use(api)
    },
  }
}
