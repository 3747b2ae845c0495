/** A program that embeds Espalier. */
@NullMarked
package org.espalier.examples.embed;

import org.jspecify.annotations.NullMarked;
