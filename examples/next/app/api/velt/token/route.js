import { VeltAuthClient } from 'velt-auth'
import { veltTokenHandler } from 'velt-auth/fetch'
import { signedIn } from '../../../session.js'

let handle

export function POST(request) {
  // Made when it is first asked: `next build` loads this module too, where there are no secrets.
  handle ??= veltTokenHandler({ client: new VeltAuthClient(), identify: signedIn })
  return handle(request)
}
