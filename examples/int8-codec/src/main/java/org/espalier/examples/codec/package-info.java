/** The codec {@code int8}: what it claims, and how it decodes. */
@NullMarked
package org.espalier.examples.codec;

import org.jspecify.annotations.NullMarked;
