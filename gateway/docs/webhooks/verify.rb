require "openssl"

TOLERANCE_SECONDS = 300

# Was this sent by who knows the secret, and just now?
# Take the body as it has arrived, before it is parsed.
def verify(secret, message_id, timestamp, signature, body)
  return false unless timestamp.b.match?(/\A[0-9]{1,12}\z/)
  return false if (Time.now.to_i - timestamp.to_i).abs > TOLERANCE_SECONDS

  key = secret.delete_prefix("whsec_").unpack1("m")
  signed = "#{message_id}.#{timestamp}.".b + body.b
  expected = "sha256=" + OpenSSL::HMAC.hexdigest("SHA256", key, signed)
  # While a secret is being changed there are two signatures, with a comma between.
  signature.b.split(",").any? { |each| OpenSSL.secure_compare(each, expected) }
end
