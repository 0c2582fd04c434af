// Login: the token of a one-time link (in the fragment, so that it is in no server's log), or a name and a password.
import { useEffect, useState } from 'preact/hooks'
import { ApiError } from '../api'
import { logIn } from '../me'
import { sentence } from '../plain'
import { span } from '../time'

function words(e: unknown): string {
  if (!(e instanceof ApiError)) return 'Something went wrong in the page itself: load it again.'
  return e.retry_s === null ? sentence(e.message) : `${sentence(e.message)} Try again in ${span(e.retry_s)}.`
}
export function Login() {
  const [error, setError] = useState('')
  const [busy, setBusy] = useState(false)
  const attempt = async (body: Parameters<typeof logIn>[0]) => {
    setBusy(true)
    setError('')
    try {
      await logIn(body)
    } catch (e) {
      setError(words(e))
      setBusy(false)
    }
  }
  useEffect(() => {
    const token = new URLSearchParams(window.location.hash.slice(1)).get('token')
    if (token === null) return
    window.history.replaceState(null, '', window.location.pathname + window.location.search)
    void attempt({ token })
  }, [])
  return (
    <main class="login">
      <h1>keytrail</h1>
      <form
        class="form"
        onSubmit={(e) => {
          e.preventDefault()
          const f = new FormData(e.currentTarget)
          void attempt({ user: String(f.get('user')), password: String(f.get('password')) })
        }}
      >
        <label>
          Name
          <input name="user" autoComplete="username" autoCapitalize="none" spellcheck={false} required />
        </label>
        <label>
          Password
          <input name="password" type="password" autoComplete="current-password" required />
        </label>
        {error !== '' && (
          <p class="note bad" role="alert">
            {error}
          </p>
        )}
        <button type="submit" class="main-button" disabled={busy}>
          {busy ? 'Logging in…' : 'Log in'}
        </button>
      </form>
      <p class="quiet">
        No password? On the server, <code>keytrail dashboard login</code> prints a link that works once.
      </p>
    </main>
  )
}
