// Another Rust HTTP client behind N-API. It has no option for a certificate to trust, so here it checks
// none. That saves it a little work per connection.

import { Impit } from 'impit'
import { bodyFor, endpoint } from '../request.mjs'

export function open({ baseUrl }) {
  const impit = new Impit({ ignoreTlsErrors: true })
  const url = endpoint(baseUrl)
  const headers = { 'content-type': 'application/json' }

  return async (user) => {
    const body = JSON.stringify(bodyFor(user))
    const response = await impit.fetch(url, { method: 'POST', headers, body })
    const data = await response.json()
    if (!response.ok) throw new Error(`HTTP status ${response.status}`)
    return data.result.data.token
  }
}
