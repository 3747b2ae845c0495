package org.espalier.api.model;

/**
 * Rotary position embedding in the NeoX pairing: element i of a head turns with element i + dim/2
 * by the angle position · base^(−2i/dim).
 *
 * @param dimensions leading elements of a head that turn; even
 * @param base θ
 */
public record Rope(int dimensions, float base) {}
