// shellword: values of strangers as words of a shell: what is copied and pasted runs one command, with that very value.

/** One word. What has control characters is written so that none is pasted: a terminal would obey them. */
export function shell(s: string): string {
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(s)) return s
  if (!/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(s)) return `'${s.replaceAll("'", "'\\''")}'`
  const escaped = (c: string) => [...new TextEncoder().encode(c)].map((b) => `\\x${b.toString(16).padStart(2, '0')}`).join('')
  return `$'${s.replace(/[\\']/g, '\\$&').replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, escaped)}'`
}
/** A word that stands without an option before it: one that begins with "-" is none either. */
export function operand(s: string): string {
  return s.startsWith('-') ? `-- ${shell(s)}` : shell(s)
}
