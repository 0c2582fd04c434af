// me: who looks at the page, and what they may do.
import { signal } from '@preact/signals'
import type { Me } from './api'
import { ApiError, get, holdCsrf, post } from './api'
import { listen, stopListening } from './live'

/** null: not known yet; false: nobody is logged in. */
export const me = signal<Me | false | null>(null)
/** Why that cannot be found out. */
export const trouble = signal<Error | null>(null)

const RANK = { viewer: 0, auditor: 1, responder: 2, admin: 3 }
export function may(role: Me['role']): boolean {
  return me.value ? RANK[me.value.role] >= RANK[role] : false
}
export function welcome(m: Me): void {
  holdCsrf(m.csrf)
  me.value = m
  listen()
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
