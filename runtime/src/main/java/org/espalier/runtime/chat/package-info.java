/** Conversations as the tokens that a model was trained to answer. */
@NullMarked
package org.espalier.runtime.chat;

import org.jspecify.annotations.NullMarked;
