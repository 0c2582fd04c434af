/* sql_relations: the relations of `keytrail sql` beside events. Private to the command `sql`. */
#pragma once
#include "core/store/sql.h"

extern const struct kt_sql_view kt_sql_views[];
extern const unsigned kt_sql_n_views;
/* The columns of alert_documents, which is no view. */
extern const struct kt_sql_column kt_sql_document_columns[];
extern const unsigned kt_sql_n_document_columns;
