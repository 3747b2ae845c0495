/** The plan: which stages a model consists of, and the service that draws it up. */
@NullMarked
package org.espalier.api.model;

import org.jspecify.annotations.NullMarked;
