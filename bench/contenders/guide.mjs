// The sample of Velt's guide. Only the address and the user differ.

import { bodyFor, endpoint } from '../request.mjs'

export function open({ baseUrl }) {
  const url = endpoint(baseUrl)

  return async function generateVeltAuthToken(user) {
    const body = bodyFor(user)
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
        },
        body: JSON.stringify(body),
      })

      if (!response.ok) {
        throw new Error(`HTTP error! status: ${response.status}`)
      }

      const data = await response.json()
      return data?.result?.data?.token
    } catch (error) {
      console.error('Error:', error)
    }
  }
}
