<?php

const TOLERANCE_SECONDS = 300;

// Was this sent by who knows the secret, and just now?
// Take the body as it has arrived, before it is parsed: file_get_contents('php://input').
function verify(string $secret, string $messageId, string $timestamp, string $signature, string $body): bool
{
    if (!preg_match('/^[0-9]{1,12}$/D', $timestamp)) {
        return false;
    }
    if (abs(time() - (int) $timestamp) > TOLERANCE_SECONDS) {
        return false;
    }
    $key = base64_decode(preg_replace('/^whsec_/', '', $secret), true);
    if ($key === false) {
        return false;
    }
    $expected = 'sha256=' . hash_hmac('sha256', "$messageId.$timestamp.$body", $key);
    // While a secret is being changed there are two signatures, with a comma between.
    foreach (explode(',', $signature) as $each) {
        if (hash_equals($expected, $each)) {
            return true;
        }
    }
    return false;
}
