// After a build, one line a built file: sha256, bytes, path; sorted by path. `node manifest.mjs [folder [file]]`.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'

const [folder = 'dist', file = 'dist.manifest'] = process.argv.slice(2)
const lines = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((f) => f.isFile())
  .map((f) => relative(folder, join(f.parentPath, f.name)))
  .sort()
  .map((path) => {
    const bytes = readFileSync(join(folder, path))
    return `${createHash('sha256').update(bytes).digest('hex')} ${bytes.length} ${path}`
  })
writeFileSync(file, `${lines.join('\n')}\n`)
