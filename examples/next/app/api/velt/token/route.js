import { VeltAuthClient } from 'velt-auth'
import { veltTokenHandler } from 'velt-auth/fetch'
import { signedIn } from '../../../session.js'

let handle

export function POST(request) {
  // Created by the first request: `next build` also loads this module, and has no secrets.
  handle ??= veltTokenHandler({ client: new VeltAuthClient(), identify: signedIn })
  return handle(request)
}
