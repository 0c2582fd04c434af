// me: who looks at the page, and what they may do.
import { computed, signal } from '@preact/signals'
import type { Me } from './api'
import { ApiError, get, holdCsrf, post } from './api'
import { listen, stopListening } from './live'
import { SCOPED } from './paths'

/** null: not known yet; false: nobody is logged in. */
export const me = signal<Me | false | null>(null)
/** Why that cannot be found out. */
export const trouble = signal<Error | null>(null)

const RANK = { viewer: 0, auditor: 1, responder: 2, admin: 3 }
/** With a scope: to look, whatever the role. */
export function may(role: Me['role']): boolean {
  return me.value ? (role === 'viewer' || !scoped.value) && RANK[me.value.role] >= RANK[role] : false
}
/** They see what is made of the records that fit their scope, and nothing of the house. */
export const scoped = computed(() => me.value !== null && me.value !== false && (me.value.scope ?? '') !== '')
/** Whether the server answers them what the page of this path asks. */
export function sees(path: string): boolean {
  return !scoped.value || SCOPED.has(path)
}
export const home = computed(() => (sees('/') ? '/' : '/search'))
export function welcome(m: Me): void {
  holdCsrf(m.csrf)
  me.value = m
  if (!scoped.value) listen() // else it is refused
}
export function forget(): void {
  stopListening()
  holdCsrf('')
  me.value = false
}
export async function whoAmI(): Promise<void> {
  trouble.value = null
  try {
    welcome(await get<Me>('me'))
  } catch (e) {
    if (e instanceof ApiError && e.status === 401) forget()
    else trouble.value = e as Error
  }
}
export async function logIn(body: { token: string } | { user: string; password: string }): Promise<void> {
  welcome(await post<Me>('login', body))
}
export async function logOut(): Promise<void> {
  await post('logout', {})
  forget()
}
