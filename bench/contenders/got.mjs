import got from 'got'
import { bodyFor, endpoint } from '../request.mjs'

export function open({ baseUrl }) {
  const url = endpoint(baseUrl)
  return async (user) => (await got.post(url, { json: bodyFor(user) }).json()).result.data.token
}
