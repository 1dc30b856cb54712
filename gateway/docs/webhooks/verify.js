const crypto = require("node:crypto");

const TOLERANCE_SECONDS = 300;

// Was this sent by who knows the secret, and just now?
// `body` is a Buffer, as it has arrived, before it is parsed.
function verify(secret, messageId, timestamp, signature, body) {
  if (!/^[0-9]{1,12}$/.test(timestamp)) return false;
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE_SECONDS) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const hmac = crypto.createHmac("sha256", key).update(`${messageId}.${timestamp}.`).update(body);
  const expected = Buffer.from("sha256=" + hmac.digest("hex"));
  // While a secret is being changed there are two signatures, with a comma between.
  return signature.split(",").some((each) => {
    const given = Buffer.from(each);
    return given.length === expected.length && crypto.timingSafeEqual(given, expected);
  });
}

module.exports = { verify };
