// After a build: dist.manifest, one line a built file: sha256, bytes, path; sorted by path.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

const lines = readdirSync('dist', { recursive: true, withFileTypes: true })
  .filter((f) => f.isFile())
  .map((f) => `${f.parentPath}/${f.name}`.replace(/^dist\//, ''))
  .sort()
  .map((path) => {
    const bytes = readFileSync(`dist/${path}`)
    return `${createHash('sha256').update(bytes).digest('hex')} ${bytes.length} ${path}`
  })
writeFileSync('dist.manifest', `${lines.join('\n')}\n`)
