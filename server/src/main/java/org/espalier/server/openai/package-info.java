/** The interface that OpenAI's clients and llama.cpp's users know: requests in, answers out. */
@NullMarked
package org.espalier.server.openai;

import org.jspecify.annotations.NullMarked;
