// index.d.ts is written by hand, and the addon's types are generated from Rust. Each line below fails
// to compile when the two differ.

import type * as velt from 'velt-auth'
import type * as addon from '../../lib/addon.js'
import type * as calls from '../../lib/calls.js'
import type * as client from '../../lib/client.js'
import type * as errors from '../../lib/errors.js'
import type * as options from '../../lib/options.js'
import type * as permissions from '../../lib/permissions.js'

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Flat<T> = { [K in keyof T]: T[K] }
/** A public type after validation: `lib/validate.js` removes each `null`, which means absent. */
type Validated<T> = T extends readonly (infer Item)[]
  ? Validated<Item>[]
  : T extends object
    ? Flat<{ [K in keyof T]: Validated<Exclude<T[K], null>> }>
    : T

const agree = <_Yes extends true>() => {}

agree<Equal<velt.VeltAuthErrorCode, addon.Code>>()
agree<Equal<velt.VeltToken, ReturnType<typeof calls.cachedToken>>>()
agree<Equal<keyof velt.VeltAuthStats, keyof addon.Stats>>()

agree<Equal<Validated<velt.VeltUser>, Flat<addon.User>>>()
agree<Equal<Validated<velt.VeltPermissionsQuery>, Flat<addon.PermissionsQuery>>>()
agree<Equal<keyof velt.VeltPermissionsClient, keyof permissions.Permissions>>()
agree<Equal<keyof velt.VeltGetOptions, keyof addon.CallOptions | 'signal'>>()

// `ca` is joined into one string. `noProxy` and `extraCa` come from the environment.
// `authToken` may also be a function, and `onCredentialRefused` does not cross the border.
type Given = Omit<
  Validated<velt.VeltAuthClientOptions>,
  'ca' | 'cache' | 'authToken' | 'onCredentialRefused'
>
type Taken = Omit<addon.ClientOptions, 'ca' | 'cache' | 'authToken' | 'noProxy' | 'extraCa'>
agree<Equal<Flat<velt.VeltCredentialRefusal>['index'], addon.Refusal['index']>>()
agree<Equal<keyof velt.VeltCredentialRefusal, keyof addon.Refusal>>()
agree<Equal<keyof velt.VeltCacheOptions, keyof addon.CacheOptions>>()
agree<Equal<keyof velt.VeltGetOptions, keyof ReturnType<typeof options.validateGetOptions>>>()
agree<Equal<Flat<Partial<Given>>, Flat<Partial<Taken>>>>()

// A VeltAuthError has all fields of a Failure. `message` and `cause` are fields of every Error.
type ErrorFields = Omit<velt.VeltAuthError, keyof Error>
type FailureFields = Omit<addon.Failure, keyof Error>
agree<Equal<Flat<ErrorFields>, Flat<Readonly<FailureFields>>>>()

// The JavaScript has the types of index.d.ts.
declare const anyUser: velt.VeltUser
agree<Equal<keyof velt.VeltAuthClient, keyof client.VeltAuthClient>>()
const made: velt.VeltAuthClient = new (null as unknown as typeof client.VeltAuthClient)({})
const token: Promise<velt.VeltToken> = made.generateToken(anyUser)
const generate: typeof velt.generateVeltAuthToken =
  null as unknown as typeof client.generateVeltAuthToken
const error: Omit<velt.VeltAuthError, 'cause' | 'name'> = null as unknown as errors.VeltAuthError

export { error, generate, token }
