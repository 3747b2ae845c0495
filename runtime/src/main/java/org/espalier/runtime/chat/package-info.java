/** Conversations with models that were trained for them. */
@NullMarked
package org.espalier.runtime.chat;

import org.jspecify.annotations.NullMarked;
