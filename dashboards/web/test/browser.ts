// As much of a browser as modules ask for when they are loaded; what they draw is tried in a real one (look.mjs).
const nothing = () => {}
Object.assign(globalThis, {
  window: {
    location: new URL('http://localhost/search?q=a&since=7d'),
    history: { pushState: nothing, replaceState: nothing },
    localStorage: { getItem: () => null, setItem: nothing },
    matchMedia: () => ({ matches: false, addEventListener: nothing }),
    addEventListener: nothing,
    setInterval: nothing,
    scrollTo: nothing,
  },
  document: { addEventListener: nothing, documentElement: { dataset: {} } },
})
