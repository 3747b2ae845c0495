/** Espalier's models behind LangChain4j's interfaces. */
@NullMarked
package org.espalier.langchain4j;

import org.jspecify.annotations.NullMarked;
