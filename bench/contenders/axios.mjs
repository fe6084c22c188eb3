import axios from 'axios'
import { bodyFor, endpoint } from '../request.mjs'

export function open({ baseUrl }) {
  const url = endpoint(baseUrl)
  return async (user) => (await axios.post(url, bodyFor(user))).data.result.data.token
}
