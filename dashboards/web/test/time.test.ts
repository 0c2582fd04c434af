import './browser'
import { describe, expect, it } from 'vitest'
import { begun, go, href, named, param, patch } from '../src/router'
import { ago, askedWindow, clock, countedZone, day, delta, exact, moment, now, ns, offset_s, rfc3339, setZone, span, tz, windowText, zoneText } from '../src/time'

process.env['TZ'] = 'America/St_Johns' // half an hour off, with summer time

describe('spans', () => {
  it('have the two largest units', () => {
    expect(span(0)).toBe('0 s')
    expect(span(0.2)).toBe('< 1 s')
    expect(span(59)).toBe('59 s')
    expect(span(60)).toBe('1 min')
    expect(span(3725)).toBe('1 h 2 min')
    expect(span(86400 * 2 + 3600 * 4)).toBe('2 d 4 h')
    expect(span(86400 * 90 + 3600)).toBe('90 d')
  })
  it('are narrow between neighbours', () => {
    expect(delta(ns(0), ns(250))).toBe('+0.250s')
    expect(delta(ns(0), ns(9_900))).toBe('+9.9s')
    expect(delta(ns(0), ns(59_700))).toBe('+1m00s')
    expect(delta(ns(0), ns(202_000))).toBe('+3m22s')
    expect(delta(ns(0), ns(7_440_000))).toBe('+2h04m')
    expect(delta(ns(1000), ns(0))).toBe('−1.0s')
  })
})
describe('moments', () => {
  const winter = ns(Date.UTC(2026, 0, 1, 2, 5, 9, 120))
  const summer = ns(Date.UTC(2026, 6, 1, 2, 5, 9))
  it('are in UTC until somebody wants their own zone', () => {
    expect(zoneText.value).toBe('UTC')
    expect(moment(winter)).toBe('2026-01-01 02:05:09')
    expect(exact(winter)).toBe('2026-01-01 02:05:09.120 UTC')
    expect(rfc3339(summer)).toBe('2026-07-01T02:05:09Z')
  })
  it('know summer time, and say the offset', () => {
    setZone('local')
    expect(day(winter)).toBe('2025-12-31')
    expect(clock(winter)).toBe('22:35:09')
    expect(clock(summer, false)).toBe('23:35')
    expect(exact(summer)).toBe('2026-06-30 23:35:09.000 UTC−02:30')
    expect(offset_s(Date.UTC(2026, 0, 1))).toBe(-12_600)
    setZone('utc')
  })
  it('name bars with the one offset that was sent, summer or winter', () => {
    setZone('local')
    const bar = ns(Date.UTC(2026, 6, 1) - tz.value * 1000) // a day of July begins there, in the zone that was sent
    expect(moment(bar, false, tz.value)).toBe('2026-07-01 00:00')
    expect(day(ns(Date.UTC(2026, 0, 1) - tz.value * 1000), tz.value)).toBe('2026-01-01')
    expect(countedZone.value).toMatch(/^UTC−0[23]:30 throughout$/)
    setZone('utc')
    expect(countedZone.value).toBe('UTC')
  })
  it('are said from now', () => {
    expect(ago(now.value)).toBe('just now')
    expect(ago(now.value - ns(240_000))).toBe('4 min ago')
    expect(ago(now.value + ns(3_600_000))).toBe('in 1 h')
  })
})
describe('the address', () => {
  it('brings the window along, and nothing else', () => {
    expect(href('/actor', { value: 'a&b=c#d' })).toBe('/actor?since=7d&value=a%26b%3Dc%23d')
    expect(href('/alert', { id: 'x', since: null })).toBe('/alert?id=x')
  })
  it('brings the window that is shown, whatever the next page has of its own', () => {
    go('/source', { instance: 'v', since: null })
    expect(askedWindow()).toEqual({ since: '30d', until: '', tz: 0 })
    expect(href('/search', { q: 'a' })).toBe('/search?since=30d&q=a')
    expect(href('/coverage')).toBe('/coverage')
    expect(href('/blast', { value: 'x', since: null })).toBe('/blast?value=x')
    expect(href('/alerts')).toBe('/alerts')
    expect(href('/search', named())).toBe('/search') // the navigation brings only what was chosen
    go('/session', { value: 's', since: null })
    expect(askedWindow()).toEqual({ since: '', until: '', tz: 0 })
    begun.value = '2025-01-01T00:00:00Z'
    expect(href('/search', { q: 'session:s' })).toBe('/search?since=2025-01-01T00%3A00%3A00Z&q=session%3As')
    expect(href('/blast', { value: 's' })).toBe('/blast?value=s')
    begun.value = ''
    go('/search', { q: 'a', since: '7d' })
  })
  it('is changed in parts', () => {
    patch({ view: 'timeline' })
    expect(param('q')).toBe('a')
    patch({ q: null })
    expect(param('q')).toBe('')
    expect(param('view')).toBe('timeline')
  })
  it('names a window in words', () => {
    expect(windowText({ since: '24h', until: '' })).toBe('last 24 h')
    expect(windowText({ since: '2h', until: '' })).toBe('last 2 h')
    expect(windowText({ since: 'yesterday', until: '' })).toBe('yesterday')
    expect(windowText({ since: '2026-11-22T20:00:00.000Z', until: '2026-11-22T21:00:00.000Z' })).toBe('2026-11-22 20:00:00 to 2026-11-22 21:00:00')
    expect(windowText({ since: '', until: '' })).toBe('all that is stored')
    expect(windowText({ since: '', until: '2026-11-22' })).toBe('until 2026-11-22 00:00:00')
    expect(windowText({ since: 'last-week', until: 'now' })).toBe('last-week to now')
  })
})
