"""Mollens in the browser: `streamlit run app.py`. Page config and navigation, nothing else."""

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

# The server imports this file once before the first visitor. Without these two lines the first deep link after a start
# (/runs) is looked up in the old way, as a file directly in pages/, and answered with "Page not found".
PagesManager.uses_pages_directory = False
app = st.App(__file__)

if st.runtime.exists():
    st.set_page_config(
        page_title="Mollens", page_icon="pages/common/browser/icon.svg", layout="wide", initial_sidebar_state=216
    )
    st.navigation(
        {
            "": [st.Page("pages/start/welcome.py", title="Mollens", icon=":material/lens_blur:", default=True)],
            "Explore": [
                st.Page("pages/explore/dataset.py", title="Dataset", icon=":material/dataset:", url_path="dataset"),
                st.Page("pages/explore/molecules.py", title="Molecules", icon=":material/hub:", url_path="molecules"),
                st.Page("pages/explore/splits.py", title="Splits", icon=":material/call_split:", url_path="splits"),
                st.Page(
                    "pages/explore/add_data.py",
                    title="Add data",
                    icon=":material/database_upload:",
                    url_path="add-data",
                ),
            ],
            "Train": [
                st.Page("pages/train/new_run.py", title="New run", icon=":material/add_circle:", url_path="new-run"),
                st.Page("pages/train/runs.py", title="Runs", icon=":material/monitoring:", url_path="runs"),
                st.Page(
                    "pages/train/load_model.py",
                    title="Load a model",
                    icon=":material/move_to_inbox:",
                    url_path="load-model",
                ),
            ],
            "Judge": [
                st.Page("pages/judge/errors.py", title="Errors", icon=":material/query_stats:", url_path="errors"),
                st.Page("pages/judge/compare.py", title="Compare", icon=":material/balance:", url_path="compare"),
                st.Page(
                    "pages/judge/outliers.py", title="Outliers", icon=":material/search_insights:", url_path="outliers"
                ),
                st.Page("pages/judge/predict.py", title="Predict", icon=":material/science:", url_path="predict"),
            ],
        }
    ).run()
