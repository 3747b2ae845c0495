/** The service that says what a group of stored tensors means. */
@NullMarked
package org.espalier.api.codec;

import org.jspecify.annotations.NullMarked;
