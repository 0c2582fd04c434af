// How the page is built: one script, one sheet of styles, the map's outlines; names carry their content's hash.
// `npm run dev` and `npm run preview` answer /api/v1/ with invented data (mock/), preview under the server's policy.
import { defineConfig } from 'vitest/config'
import { mock } from './mock/plugin.ts'

export default defineConfig({
  plugins: [mock()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0, // the policy allows no data: addresses
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  test: { include: ['test/*.test.ts'] },
})
