package org.espalier.runtime.evaluation.pass;

import org.espalier.api.backend.Session;

/**
 * Tokens to append to a session.
 *
 * @param session that holds what comes before
 * @param tokens to append, at least one
 * @param wanted for how many of the last positions logits are needed
 * @param reader of those
 */
public record Stretch(Session session, int[] tokens, int wanted, LogitReader reader) {}
