// theme: dark, light, or as the system says; kept in this browser. The colours are variables in style.css.
import { signal } from '@preact/signals'

export type Theme = 'system' | 'dark' | 'light'
const KEPT = 'keytrail.theme'
const dark = window.matchMedia('(prefers-color-scheme: dark)')

function kept(): Theme {
  try {
    const t = window.localStorage.getItem(KEPT)
    return t === 'dark' || t === 'light' ? t : 'system'
  } catch {
    return 'system'
  }
}
export const theme = signal<Theme>(kept())
/** What is on the screen: charts draw themselves anew when it changes. */
export const shade = signal<'dark' | 'light'>('light')

function apply(): void {
  const t = theme.value
  shade.value = t === 'system' ? (dark.matches ? 'dark' : 'light') : t
  document.documentElement.dataset['theme'] = shade.value
}
dark.addEventListener('change', apply)
apply()

export function setTheme(t: Theme): void {
  theme.value = t
  apply()
  try {
    window.localStorage.setItem(KEPT, t)
  } catch {
    /* a browser that keeps nothing */
  }
}
export const still = (): boolean => window.matchMedia('(prefers-reduced-motion: reduce)').matches

const small = window.matchMedia('(max-width: 640px)')
/** A phone: tables show cards. The same width stands in style.css. */
export const narrow = signal(small.matches)
small.addEventListener('change', () => {
  narrow.value = small.matches
})
