// main: finds out who looks, and shows the page of the address.
import { render } from 'preact'
import { useEffect } from 'preact/hooks'
import './style.css'
import './theme'
import { listenForPeople, onLoggedOut } from './api'
import { Shell } from './components/shell'
import { Failure, Loading } from './components/states'
import { forget, home, me, trouble, whoAmI } from './me'
import { PAGES } from './pages'
import { Login } from './pages/login'
import { go, named, param, path } from './router'

function App() {
  const away = path.value === '/' && home.value !== '/' // who may not see the overview begins elsewhere
  useEffect(() => {
    if (away) go(home.value, named(), 'replace')
  }, [away])
  if (away) return <Loading />
  if (me.value === null) return trouble.value ? <Failure error={trouble.value} again={() => void whoAmI()} /> : <Loading />
  if (me.value === false) return <Login />
  const page = PAGES.find((p) => p.path === path.value)
  // another subject is another page: nothing of the one before may stay on it
  const subject = page ? ['value', 'id', 'instance'].map(param).join('\n') : ''
  return <Shell page={page} subject={`${path.value}\n${subject}`} />
}

onLoggedOut(forget)
listenForPeople(window)
const place = document.getElementById('page')
if (place) {
  place.textContent = ''
  render(<App />, place)
}
void whoAmI()
