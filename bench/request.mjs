// A request of Velt's API v1, the same for every contender. No address or secret is real.

export const apiKey = 'bench-api-key'
export const authToken = 'bench-auth-token'

export const USERS = Array.from({ length: 256 }, (_, index) => ({
  userId: `user-${index}`,
  isAdmin: true,
  organizationId: `organization-${index % 8}`,
  email: `user-${index}@example.com`,
}))

export const endpoint = (baseUrl) => `${baseUrl}/v1/auth/token/get`

export const bodyFor = ({ userId, isAdmin, organizationId, email }) => ({
  data: { userId, apiKey, authToken, userProperties: { isAdmin, organizationId, email } },
})
