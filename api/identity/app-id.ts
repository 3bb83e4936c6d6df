/** Of an id in X-App-Id. */
export const appIdPattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"

const form = new RegExp(appIdPattern)

export const isAppId = (text: string): boolean => form.test(text)
