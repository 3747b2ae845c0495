package org.espalier.api.backend;

/**
 * One session's share of a forward pass that serves several.
 *
 * @param session of the executable that is asked
 * @param input new positions
 * @param wanted as in {@link Session#forward}
 */
public record Step(Session session, Activations input, int wanted) {}
