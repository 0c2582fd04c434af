// said: short messages of what was just done ("Copied"), shown by the shell and read aloud by screen readers.
import { signal } from '@preact/signals'

export const said = signal<string>('')
let timer = 0
export function say(text: string): void {
  said.value = text
  window.clearTimeout(timer)
  timer = window.setTimeout(() => {
    said.value = ''
  }, 4000)
}
