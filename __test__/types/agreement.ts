// index.d.ts is written by hand, the addon's types are generated from the Rust. Neither may say
// what the other does not: each line below fails to compile when they part.

import type * as velt from 'velt-auth'
import type * as addon from '../../lib/addon.js'
import type * as calls from '../../lib/calls.js'
import type * as client from '../../lib/client.js'
import type * as errors from '../../lib/errors.js'
import type * as options from '../../lib/options.js'

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Flat<T> = { [K in keyof T]: T[K] }
/** What is left of a public type when `null` for «absent» is taken out, as `lib/shape.js` does. */
type Read<T> = T extends readonly (infer Item)[]
  ? Read<Item>[]
  : T extends object
    ? Flat<{ [K in keyof T]: Read<Exclude<T[K], null>> }>
    : T

type ReadEach<T> = { [K in keyof T]: Read<NonNullable<T[K]>> }

const agree = <_Yes extends true>() => {}

agree<Equal<velt.VeltAuthErrorCode, addon.Code>>()
agree<Equal<velt.VeltToken, ReturnType<typeof calls.toToken>>>()
agree<Equal<keyof velt.VeltAuthStats, keyof addon.Stats>>()

// A user goes to the addon as a list.
type User = Required<Read<velt.VeltUser>>
type Listed = [
  User['userId'],
  User['organizationId'],
  User['email'],
  User['name'],
  User['isAdmin'],
  User['permissions'],
]
agree<Equal<Listed, ReadEach<addon.Claims>>>()
agree<
  Equal<keyof User, 'userId' | 'organizationId' | 'email' | 'name' | 'isAdmin' | 'permissions'>
>()

// `ca` is joined to one text on its way, one URL becomes a list; the addon's other two options come
// from the environment.
type Given = Omit<Read<velt.VeltAuthClientOptions>, 'ca' | 'cache'>
type Taken = Omit<addon.ClientOptions, 'ca' | 'cache' | 'noProxy' | 'extraCa'>
agree<Equal<keyof velt.VeltCacheOptions, keyof addon.CacheOptions>>()
agree<Equal<keyof velt.VeltGetOptions, keyof ReturnType<typeof options.readGetOptions>>>()
agree<Equal<Flat<Partial<Given>>, Flat<Partial<Taken>>>>()

// An error carries all that a failure says; `message` and `cause` are those of every Error.
type Carried = Omit<velt.VeltAuthError, keyof Error>
type Failed = Omit<addon.Failure, keyof Error>
agree<Equal<Flat<Carried>, Flat<Readonly<Failed>>>>()

// The JavaScript is what index.d.ts says it is.
declare const anyUser: velt.VeltUser
agree<Equal<keyof velt.VeltAuthClient, keyof client.VeltAuthClient>>()
const made: velt.VeltAuthClient = new (null as unknown as typeof client.VeltAuthClient)({})
const token: Promise<velt.VeltToken> = made.generateToken(anyUser)
const generate: typeof velt.generateVeltAuthToken =
  null as unknown as typeof client.generateVeltAuthToken
const error: Omit<velt.VeltAuthError, 'cause' | 'name'> = null as unknown as errors.VeltAuthError

export { error, generate, token }
