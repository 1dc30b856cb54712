"""Pages for visitors: what they see when a short link does not simply lead on."""
