/**
 * Finds the walk through the trellis whose codewords come closest to a tile: the Viterbi algorithm,
 * vectorised. Nothing here knows how a walk is stored.
 *
 * <p>A state is 16 bits; a step shifts 4 bits in. The 16 states with equal low 12 bits g, its
 * <em>group</em>, have the same successors, so of each step only the best cost per group is kept,
 * with the 4 bits that say which of the 16 states it was:
 *
 * <pre>
 * M_t[g] = min over p of e_t(p · 2¹² + g) + M_{t−1}[p · 2⁸ + g / 2⁴]
 * </pre>
 *
 * where e_t is the squared error of a state's codeword at step t. Sixteen neighbouring groups share
 * their 16 predecessors.
 */
@NullMarked
package org.espalier.codec.qtip.search;

import org.jspecify.annotations.NullMarked;
